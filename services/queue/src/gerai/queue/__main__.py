"""python -m gerai.queue"""

from gerai.chassis import run
from gerai.queue.bootstrap import service

if __name__ == "__main__":
    run(service)
