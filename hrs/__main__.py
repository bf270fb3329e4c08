from hrs.cli import main

main()
