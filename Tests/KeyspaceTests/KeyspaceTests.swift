import Testing

@testable import Keyspace
