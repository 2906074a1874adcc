/** The policy file of a new organization: every device reaches every other, and people may open SSH to their own. */
export const DEFAULT_POLICY = `// The policy of this network: who may reach what.
{
	// Everybody and everything may reach everything. Narrow this down as the network grows.
	"grants": [
		{"src": ["*"], "dst": ["*"], "ip": ["*"]},
	],

	// People may open a shell on their own devices, after signing in again from time to time.
	"ssh": [
		{
			"action": "check",
			"src":    ["autogroup:member"],
			"dst":    ["autogroup:self"],
			"users":  ["autogroup:nonroot", "root"],
		},
	],
}
`;
