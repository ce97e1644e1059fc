import Testing

@testable import Kubelet
