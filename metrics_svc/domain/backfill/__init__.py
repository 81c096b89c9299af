"""What can be known of old videos."""
