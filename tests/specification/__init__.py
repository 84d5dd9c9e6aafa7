"""The specification of the rule language, sentence by sentence, with the test that proves each."""
