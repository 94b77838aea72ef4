// Command gen writes what is generated from the property tables: config_map.inc
// beside the plugin's C files, and the tables in README.md. It runs in plugin/.
package main

import (
	"log"
	"os"

	"github.com/secretwatch/secretwatch/plugin/config"
)

const readme = "../README.md"

func main() {
	if err := os.WriteFile("config_map.inc", []byte(config.ConfigMap()), 0o644); err != nil {
		log.Fatal(err)
	}
	doc, err := os.ReadFile(readme)
	if err != nil {
		log.Fatal(err)
	}
	replaced, ok := config.ReplaceTables(string(doc))
	if !ok {
		log.Fatalf("%s lacks one of the markers %s %s %s %s", readme,
			config.TableBegin, config.TableEnd, config.OutputTableBegin, config.OutputTableEnd)
	}
	if err := os.WriteFile(readme, []byte(replaced), 0o644); err != nil {
		log.Fatal(err)
	}
}
