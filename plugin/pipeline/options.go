package pipeline

import "github.com/secretwatch/secretwatch/plugin/config"

// OptionsOf returns what a configuration says of a pipeline that lets judge
// decide, usually a detector made from cfg.Detector.
func OptionsOf(cfg *config.Config, judge Judger) Options {
	return Options{
		Judge:       judge,
		Key:         cfg.Key,
		Format:      cfg.Format,
		SeverityKey: cfg.SeverityKey,
		TagAll:      cfg.TagAll,
		Cluster:     cfg.Cluster,
		Split:       cfg.SplitEventLists,
		Redact:      cfg.Redact,
	}
}
