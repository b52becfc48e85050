"""What holds a predictor back: the names, the masks, or the choice among them?

The oracles of Šarić et al., "What Holds Back Open-Vocabulary Segmentation?" (2025), one module
each, and the report that applies them to anybody's files:

    perfect_masks    (a) masks are given, an encoder names them          Section 3, Table 1
    classification   (b) names are given for what the final map shows    Section 4.2, Table 2
    selection        (c) the best candidates are given                   Section 4.3, Table 3
    combinations     (d) and with them their masks, or their names       Section 4.4, Table 4
    missed           (e) is a missed segment misnamed or not segmented?  Section 4.5, Table 5
"""
