// Package capacity finds the highest rate that a server carries inside an SLO, and says what a demand needs of it.
//
// Goals: a search that is a pure state machine (Next, Observe), so that the same code decides over a real server, over a
// simulated one in virtual time, and over the records of a run that was measured for something else; every answer with its
// interval; an answer that says why there is none, instead of a number that nothing supports. Non-goals: sending load,
// clocks, files.
package capacity
