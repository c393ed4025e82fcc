from gerai.chassis import run
from gerai.queue.bootstrap import service

run(service)
