"""The way to the bureau: contract, spool and publisher."""
