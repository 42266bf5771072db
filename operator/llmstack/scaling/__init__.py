"""How many replicas does a load ask for? Pure: functions of what the gateway tells and the time."""
