"""Everything that changes rows: `payload` reads a body, `rows` writes one row, `links` ties two, `bulk` writes many."""
