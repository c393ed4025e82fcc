"""python -m gerai.registry"""

from gerai.chassis import run
from gerai.registry.bootstrap import service

if __name__ == "__main__":
    run(service)
