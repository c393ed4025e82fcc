"""Kafka through aiokafka: the publisher that the relay uses, the records that a consumer gets, the topics."""
