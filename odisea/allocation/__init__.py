"""Randomisation methods: who goes to which arm, in the order of enrolment."""
