/// Labels that tie what the runtime holds to pods: names shared with other tools.
public enum RuntimeLabel {
  public static let podName = "io.kubernetes.pod.name"
  public static let podNamespace = "io.kubernetes.pod.namespace"
  public static let podUID = "io.kubernetes.pod.uid"
  public static let containerName = "io.kubernetes.container.name"
}
