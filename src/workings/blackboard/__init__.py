"""The equations as they are written: float64 loops, one function an equation. Only tests, studies and the documentation import it."""
