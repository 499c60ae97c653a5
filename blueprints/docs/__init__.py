"""Write or correct documentation."""
