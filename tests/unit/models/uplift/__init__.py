"""What trials say of offers."""
