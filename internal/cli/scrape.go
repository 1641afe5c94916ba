package cli

// metrics are the Prometheus endpoints to read: those named, else that of the bundled mock, on its admin port: a connection to
// the other would take a fault that is meant for the load.
func (e *execution) metrics() []string {
	if m, ok := e.target.(*mockTarget); ok && len(e.plan.Target.Metrics) == 0 {
		return []string{m.admin + "/admin/metrics"}
	}
	return e.plan.Target.Metrics
}
