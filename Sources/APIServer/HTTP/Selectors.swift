import KubernetesAPI

/// Selectors as they come in queries.
enum Selectors {
  static func labels(_ text: String) throws(APIStatus) -> LabelSelector? {
    let selector = try LabelSelector(parsing: text)
    return selector.isEverything ? nil : selector
  }

  static func fields(_ text: String, _ resource: ResourceInfo) throws(APIStatus)
    -> FieldSelector?
  {
    let selector = try FieldSelector(parsing: text, resource: resource)
    return selector.isEverything ? nil : selector
  }
}
