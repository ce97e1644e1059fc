import Testing

@testable import ControllerManager
