"""What the engine does: launch, claim, run, tick, recover."""
