import Testing

@testable import StoreSimulation
