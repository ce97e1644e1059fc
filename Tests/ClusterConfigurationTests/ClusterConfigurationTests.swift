import Testing

@testable import ClusterConfiguration
