"""Hand-written peers of the benches: what somebody who knows DuckDB would write for the same job. They import nothing of zhike."""
