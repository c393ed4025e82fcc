from gerai.chassis import run
from gerai.hourly.service import service

run(service)
