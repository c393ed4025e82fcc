from gerai.chassis import run
from gerai.notification.bootstrap import service

run(service)
