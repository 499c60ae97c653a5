"""Write tests of code that has too few."""
