# escape=`

# Backticks instead of backslashes, lower case and tabs.
from	mcr.example.com/servercore:ltsc2022 as	base
shell ["powershell", "-Command", "$ErrorActionPreference = 'Stop';"]
env APP_HOME=C:\app `
    MODE="a b"
run Invoke-WebRequest https://example.com/x.zip -OutFile x.zip; `
    Expand-Archive x.zip -DestinationPath $env:APP_HOME; `
    Remove-Item x.zip
copy ["site files", "C:/app/"]
cmd ["C:\\app\\server.exe"]
