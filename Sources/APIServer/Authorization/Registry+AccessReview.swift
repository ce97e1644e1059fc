import JSONDocument
import KubernetesAPI

extension Registry {
  /// Answers a SubjectAccessReview of a caller in this process; `nil` for any other kind.
  public func answerAccessReview(_ object: JSONValue, _ info: ResourceInfo) throws(APIStatus)
    -> JSONValue?
  {
    guard info.group == "authorization.k8s.io", info.resource == "subjectaccessreviews" else {
      return nil
    }
    let errors = AccessReviews.problems(object, hasSubject: true, namespace: nil)
    guard errors.isEmpty else { throw AccessReviews.invalid(errors) }
    let subject = AccessReviews.subject(object)
    let decision =
      access?.decide(AccessReviews.attributes(object, user: subject)) ?? AccessDecision.allowed
    var answer = object
    answer["status"] = ["allowed": .bool(decision.isAllowed)]
    if !decision.reason.isEmpty { answer.set(.string(decision.reason), at: "status", "reason") }
    return answer
  }
}
