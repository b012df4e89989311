"""What a report shows besides its table of checks: worst entries and pictures, and their files."""
