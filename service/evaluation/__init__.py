"""How good the answers are, measured: on products held out of an index, or of one that is built for the purpose.

trial     an index of some products, others asked about: what was thought of them
judged    answers beside the truth, as arrays
figures   accuracy, calibration, coverage, tags, with intervals
plots     what people would rather look at
report    one page of both
gate      two indexes on the same questions: is one worse beyond noise
"""
