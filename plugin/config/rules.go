package config

// ruleIDs returns the ids of all rules.
func ruleIDs() []string {
	return []string{
		"unusual-user-agent", "new-source-ip", "unusual-user", "suspicious-user-agent",
		"secret-enumeration", "secret-burst", "denied-access", "anonymous-access",
		"impersonation", "credential-reuse", "token-minted", "forged-forwarded-for",
		"new-namespace", "identity-switch",
	}
}
