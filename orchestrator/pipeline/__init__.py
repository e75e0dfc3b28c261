"""The steps of a run, one module each: prepare, quote, train, evaluate, decide, report. Each can be taken up again."""
