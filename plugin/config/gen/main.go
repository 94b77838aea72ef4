// Command gen writes what is generated from the property table: config_map.inc
// beside the plugin's C files, and the table in README.md. It runs in plugin/.
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
	replaced, ok := config.ReplaceTable(string(doc))
	if !ok {
		log.Fatalf("%s lacks the markers %s and %s", readme, config.TableBegin, config.TableEnd)
	}
	if err := os.WriteFile(readme, []byte(replaced), 0o644); err != nil {
		log.Fatal(err)
	}
}
