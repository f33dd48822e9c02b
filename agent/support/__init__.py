"""What a supporter needs of a site, gathered so that no waybill number and no secret is in it."""
