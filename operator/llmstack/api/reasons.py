"""Why is a condition as it is? One constant per answer; docs and tests list them all."""

# All is well.
READY = "Ready"
VALID = "Valid"
DOWNLOADED = "Downloaded"
SCHEDULED = "Scheduled"
AVAILABLE = "Available"
STOPPED = "Stopped"
SCALED_TO_ZERO = "ScaledToZero"
FIXED = "FixedReplicas"
FOLLOWING = "FollowsLoad"
AT_MAXIMUM = "AtMaximum"
ASLEEP = "Asleep"
WAKE_DOWNLOADS = "WakeDownloads"

# Not yet.
PENDING = "Pending"
DOWNLOADING = "Downloading"
LOADING = "Loading"
ROLLING_OUT = "RollingOut"
VOLUME_UNBOUND = "VolumeUnbound"

# The user's to mend: the spec and what it names.
NAME_CONFLICT = "NameConflict"
INVALID_SPEC = "InvalidSpec"
REJECTED = "RejectedByCluster"
REWRITTEN = "RewrittenByCluster"
SECRET_MISSING = "SecretMissing"  # noqa: S105 - a reason, no secret
CLAIM_MISSING = "ClaimMissing"
STORAGE_CLASS_MISSING = "StorageClassMissing"
CONTEXT_LENGTH_TOO_LARGE = "ContextLengthTooLarge"
MODEL_TOO_LARGE = "ModelTooLarge"
IMAGE_PULL_FAILED = "ImagePullFailed"

# The model's way.
SOURCE_UNAUTHORIZED = "SourceUnauthorized"
SOURCE_NOT_FOUND = "SourceNotFound"
SOURCE_UNREACHABLE = "SourceUnreachable"
SOURCE_TRUNCATED = "SourceTruncated"
CHECKSUM_MISMATCH = "ChecksumMismatch"
NOT_GGUF = "NotGGUF"
CACHE_FULL = "CacheFull"
CACHE_NOT_WRITABLE = "CacheNotWritable"
FETCH_FAILED = "FetchFailed"

# The node and the server.
UNSCHEDULABLE = "Unschedulable"
INSUFFICIENT_ACCELERATORS = "InsufficientAccelerators"
ACCELERATOR_UNUSED = "AcceleratorUnused"
OUT_OF_MEMORY = "OutOfMemory"
SERVER_CRASHING = "ServerCrashing"
START_TIMEOUT = "StartTimeout"
POD_FAILED = "PodFailed"
MOUNT_FAILED = "MountFailed"
SERVER_WEDGED = "ServerWedged"
REPLICA_UNREACHABLE = "ReplicaUnreachable"
SERVER_KILLED_BY_REQUEST = "ServerKilledByRequest"

# Autoscaling.
METRICS_API_UNAVAILABLE = "MetricsApiUnavailable"
METRICS_UNAVAILABLE = "MetricsUnavailable"
SCALING_FAILED = "ScalingFailed"

# The operator's own trouble.
APPLY_FAILED = "ApplyFailed"
