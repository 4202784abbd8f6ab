"""The desk that every request of the Dataverse face comes to: what was asked, who asks, and whether it is too much."""
