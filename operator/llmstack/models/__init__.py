"""What is a model? Its source, its header, its size in memory, the plan of its download. Pure."""
