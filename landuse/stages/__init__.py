"""The stages: each module has one public function of its name, and the options that it takes."""
