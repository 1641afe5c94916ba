package cli

// metrics are the Prometheus endpoints to read: those named, else that of the bundled mock.
func (e *execution) metrics() []string {
	if m, ok := e.target.(*mockTarget); ok && len(e.plan.Target.Metrics) == 0 {
		return []string{m.endpoint + "/metrics"}
	}
	return e.plan.Target.Metrics
}
