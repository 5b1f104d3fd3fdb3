"""Wording a composed answer anew by a language model: what is asked, and whether the answer may stand.

The model sees sentences whose facts are taken out and numbered. It may move them, never change, add or lose one; what
else it may not do is in `checks`. Where anything is wrong the composed answer stands.
"""
