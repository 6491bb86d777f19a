"""A module of jobs that ends its interpreter when it is imported."""

import sys

sys.exit("this module cannot be imported")
