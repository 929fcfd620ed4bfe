"""Languages: codes and names, families, typology, identification."""
