"""Train on a text of your own and let the model write: python examples/write_like.py my.txt [MINUTES]"""

import sys

import workings

text, minutes = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
run = workings.train("language", data=text, minutes=minutes)
print(run.write("", tokens=400, temperature=0.8))
print(run.evaluate())
print(f"the report: {run.report}")
