"""The process of one job."""

import sys
from pathlib import Path

from modelexport.batch.worker import main

sys.exit(main(Path(sys.argv[1])))
