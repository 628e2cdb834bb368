"""English: normalisation, dictionary, homographs and spelling rules. Needs the extra ``local`` only."""
