"""Reports: an evaluation's figures as a page, as Markdown and as a model card. Plain data goes in, text comes out."""
