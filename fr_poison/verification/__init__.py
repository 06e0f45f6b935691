"""Verification: do two pictures, or two sets of them, show one person?"""
