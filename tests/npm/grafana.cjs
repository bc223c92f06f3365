// Grafana's own code: that of this folder, or of the folder that $GRAFANA names.
'use strict';

module.exports = require(require.resolve('@grafana/data', { paths: [process.env.GRAFANA ?? __dirname] }));
