"""Our screens: templates, texts and formats."""
