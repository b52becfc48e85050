"""How the bundled small models are made: scenes of Miniworld in, folders of weights out."""
